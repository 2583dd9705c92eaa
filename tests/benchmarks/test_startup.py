"""Start to visible window, beside the import of Qt's widgets alone.

python -m pytest tests/benchmarks/test_startup.py --benchmark-only
"""

import os
import subprocess
import sys

import pytest

BARE = "import PySide6.QtWidgets"
WINDOW = """
import sys
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            assert "torch" not in sys.modules
            QTimer.singleShot(0, QCoreApplication.quit)
        return False

app = QApplication([])
window = MainWindow(Session(), Preferences())
watch = Watch()
window.centralWidget().installEventFilter(watch)
window.show()
app.exec()
import os
os._exit(0)
"""


def run(code, tmp_path):
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)


@pytest.mark.parametrize("code", [BARE, WINDOW], ids=["import of QtWidgets", "start to first paint"])
def test_start(benchmark, code, tmp_path):
    benchmark.group = "start"
    benchmark.pedantic(run, (code, tmp_path), rounds=5, warmup_rounds=1)
