"""hubgate whose servers have jupyter-server-proxy and nbgitpuller, as an administrator sets them up."""

import pathlib
import shutil
import subprocess

import world
from product import DISTRIBUTION, Hubgate
from stack import free_port, until

HERE = pathlib.Path(__file__).resolve().parent
# Chinese names, and each character that addresses write in a way of their own.
LESSON = "课程 一/Bob's 100% 笔记 & 图+1.ipynb"
NOTEBOOK = '{"cells": [{"cell_type": "markdown", "id": "a1", "metadata": {}, "source": ["# 第一课"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


class ApplicationsHub(Hubgate):
    """`jupyter` is the folder with the programs of the servers' environment."""

    def __init__(self, work, programs, jupyter):
        work = pathlib.Path(work)
        self.path = f"{work}/share/bin:{DISTRIBUTION}"
        self.git_port = free_port()
        profile = {"name": "applications", "default_url": "/code/",
                   "environment": {"JUPYTER_CONFIG_PATH": f"{work}/share/jupyter", "APPLICATIONS": f"{work}/share/applications", "PROGRAMS": f"{jupyter}",
                                   "NBGITPULLER_APP": "lab"}}
        super().__init__(work, programs, users=[world.ADMIN, "alice", "bob", "carol", "dave"], roles=[], services=[], settings={"profiles": [profile]},
                         command=[f"{jupyter}/jupyter", "lab", f"--config={work}/share/hubgate_server.py"])

    def write_files(self):
        """With the site's configuration of Jupyter, the applications, and a repository of a course."""
        super().write_files()
        share = self.work / "share"
        (share / "bin").mkdir()
        (share / "jupyter").mkdir()
        (share / "applications").mkdir()
        shutil.copy(HERE / "rserver", share / "bin")
        shutil.copy(HERE / "jupyter_server_config.py", share / "jupyter")
        for file in ("editor.py", "shiny_app.py"):
            shutil.copy(HERE / file, share / "applications")
        self.write_course()

    def write_course(self):
        """A bare repository, as a teacher pushes one."""
        draft, bare = self.work / "draft", self.work / "git/course"
        lesson = draft / LESSON
        lesson.parent.mkdir(parents=True)
        lesson.write_text(NOTEBOOK)
        (draft / "data.csv").write_text("a,b\n1,2\n")
        git = ["git", "-c", "user.name=teacher", "-c", "user.email=teacher@localhost", "-C", draft]
        for words in (["init", "--quiet", "--initial-branch=spring/2026"], ["add", "."], ["commit", "--quiet", "--message=first"]):
            subprocess.run([*git, *words], check=True)
        subprocess.run(["git", "clone", "--quiet", "--bare", draft, bare], check=True)

    def run(self):
        """With a git server of this host."""
        super().run()
        self.parts.start("git", ["git", "daemon", "--export-all", f"--base-path={self.work}/git", "--listen=127.0.0.1", f"--port={self.git_port}"])
        until("the git server", lambda: subprocess.run(["git", "ls-remote", self.course], capture_output=True).returncode == 0, parts=self.parts)

    @property
    def course(self):
        """The repository's address."""
        return f"git://127.0.0.1:{self.git_port}/course"
