import signal

from instrd.daemon.signals import ReloadWish, StopWish, obey_signals


def test_a_hangup_is_a_wish_to_reload_as_often_as_it_comes() -> None:
    stop, reload = StopWish(), ReloadWish()
    former = signal.getsignal(signal.SIGHUP)
    with obey_signals(stop, reload):
        taken = [reload.take()]
        for _ in range(2):
            signal.raise_signal(signal.SIGHUP)
            taken += [reload.take(), reload.take()]
    assert taken == [False, True, False, True, False]
    assert not stop
    assert signal.getsignal(signal.SIGHUP) is former


def test_a_hangup_is_left_alone_where_nothing_can_be_reloaded() -> None:
    former = signal.getsignal(signal.SIGHUP)
    with obey_signals(StopWish()):
        assert signal.getsignal(signal.SIGHUP) is former


def test_a_termination_is_a_wish_to_stop() -> None:
    stop = StopWish()
    with obey_signals(stop, ReloadWish()):
        signal.raise_signal(signal.SIGTERM)
    assert stop.reason == "SIGTERM"
