"""A Shiny application: what it shows comes over its websocket."""

from shiny import App, render, ui

page = ui.page_fluid(ui.input_text("name", "Name", "nobody"), ui.output_text("greeting"))


def server(input, output, session):
    """One visitor."""
    @render.text
    def greeting():
        return f"Hello, {input.name()}!"


app = App(page, server)
