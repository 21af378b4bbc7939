"""What is heard right now, live in a terminal."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from rich.console import Console

from instrd.clients.drawing import render
from instrd.clients.keyboard import Keyboard, in_background
from instrd.clients.link import link_of
from instrd.clients.picture import Picture
from instrd.clients.printable import printable
from instrd.clients.screen import Screen
from instrd.clients.subscriber import Subscriber
from instrd.clients.tail import lines

REDRAW_S: Final = 0.125
STANDARD_OUTPUT: Final = 1


def can_draw_on(console: Console) -> bool:
    """Say whether it is a terminal whose cursor moves, unlike an editor's, and which shows bars."""
    return console.is_terminal and not console.is_dumb_terminal and not console.options.ascii_only


def watch(
    subscriber: Subscriber,
    console: Console,
    stop: Callable[[], bool],
    note: Callable[[], str] = lambda: "",
    keyboard: Keyboard | None = None,
    *,
    stays: bool = False,
) -> None:
    """Draw until `stop` or until the daemon says bye; plain lines where nothing can be drawn.

    A picture that `stays` says that the daemon has ended, and draws the next one. Nothing is drawn
    while somebody else is in the foreground of the terminal, as after ^Z and `bg`. The picture has
    a line for `note`, which says what else there is to tell, if anything.
    """
    if can_draw_on(console):
        over = stop if stays else lambda: stop() or subscriber.ended
        _draw(subscriber, console, over, note, keyboard or Keyboard(lambda: None))
    else:
        for line in lines(subscriber, stop=stop):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _draw(
    subscriber: Subscriber,
    console: Console,
    over: Callable[[], bool],
    note: Callable[[], str],
    keyboard: Keyboard,
) -> None:
    picture = Picture()
    screen = Screen(console)
    with ExitStack() as leaving:
        leaving.callback(keyboard.release)
        leaving.callback(screen.leave)
        while not over():
            _take_until(time.monotonic() + REDRAW_S, subscriber, picture)
            if keyboard.suspended:
                screen.leave()
                keyboard.suspend()
            elif in_background(STANDARD_OUTPUT):
                screen.leave()
            else:
                keyboard.look()
                width, height = console.size
                hint = "q quits" if keyboard.is_ours else ""
                # the next run may have died without a bye
                link = replace(link_of(subscriber), ended=picture.bye is not None)
                screen.paint(render(picture, link, width, height, note(), hint=hint))
    if picture.bye is not None:
        reason = printable(picture.bye.reason)
        console.print(f"instrd ended: {reason}", markup=False, highlight=False)


def _take_until(due_s: float, subscriber: Subscriber, picture: Picture) -> None:
    while (left_s := due_s - time.monotonic()) > 0:
        message = subscriber.receive(left_s)
        if message is not None:
            picture.take(message)
