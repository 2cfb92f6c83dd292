"""Losing an answer on its way back, after the server has done the work."""


class Losses:
    """Wraps a function that sends; the first answer becomes `error`."""

    def __init__(self, send, error):
        self.count = 0
        self._send = send
        self._error = error

    def __call__(self, *args, **kwargs):
        answer = self._send(*args, **kwargs)
        if self.count == 0:
            self.count += 1
            raise self._error
        return answer
