"""What systemd says of a server, in the words of the product."""

PROGRESS = {"activating": "starting", "active": "running", "reloading": "running", "deactivating": "stopping", "failed": "failed"}


def phase(machine, instance):
    """The phase that the two units of a server make together."""
    template = "jupyter-named" if ":" in instance else "jupyter"
    service = machine.show(f"{template}@{instance}.service", "ActiveState")["ActiveState"]
    socket = machine.show(f"{template}@{instance}.socket", "ActiveState")["ActiveState"]
    return PROGRESS.get(service) or ("listening" if socket == "active" else "stopped")
