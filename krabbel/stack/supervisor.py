"""All processes of one stack: started in the order of their needs, side by side where possible, ended in reverse."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from krabbel.stack.component import Component
from krabbel.stack.errors import StackError
from krabbel.stack.folder import DataFolder
from krabbel.stack.spec import ProcessSpec

HOUSEKEEPING_S = 60.0


class Supervisor:
    """Keeps the processes of a data folder running."""

    def __init__(self, folder: DataFolder, changed: Callable[[Component], None]) -> None:
        self.components: dict[str, Component] = {}
        self._folder = folder
        self._changed = changed
        self._over = threading.Event()

    def start(self, specs: Iterable[ProcessSpec]) -> None:
        """Start everything and return once all is ready.

        Raises:
            StartFailed: of the first process that is not; the others are ended.
        """
        specs = list(specs)
        self.components = {spec.name: Component(spec, self._folder, self._changed) for spec in specs}
        threading.Thread(target=self._keep_house, name="keep house", daemon=True).start()

        def bring_up(component: Component) -> None:
            for name in self._needs(component):
                self.components[name].wait_until_up()
            if self._over.is_set():
                return
            component.start()
            component.wait_until_up()

        with ThreadPoolExecutor(max(1, len(specs)), thread_name_prefix="start") as pool:
            futures = [pool.submit(bring_up, component) for component in self.components.values()]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                errors = [error for future in done if (error := future.exception()) is not None]
            except BaseException:  # Ctrl-C, mostly
                self.stop()
                raise
            if errors:
                self.stop(kill=True)  # so that nobody waits on
        if errors:
            self.stop(kill=True)  # what was just about to start
            raise errors[0]

    def stop(self, *, kill: bool = False) -> None:
        """End everything: what others need ends after them."""
        self._over.set()
        left = dict(self.components)
        while left:
            needed = {name for component in left.values() for name in (*component.spec.needs, *component.spec.uses)}
            now = {name: component for name, component in left.items() if name not in needed} or left
            with ThreadPoolExecutor(len(now), thread_name_prefix="stop") as pool:
                list(pool.map(lambda component: component.stop(kill=kill), now.values()))
            left = {name: component for name, component in left.items() if name not in now}

    def add(self, spec: ProcessSpec) -> None:
        """Keep one more process running; does not wait for it."""
        self.components[spec.name] = Component(spec, self._folder, self._changed)
        self.components[spec.name].start()

    def get(self, name: str) -> Component:
        """Return the component of this name."""
        try:
            return self.components[name]
        except KeyError:
            raise StackError(f"There is no {name!r} in this stack, only {', '.join(self.components)}.") from None

    def _needs(self, component: Component) -> list[str]:
        return [name for name in component.spec.needs if name in self.components]

    def _keep_house(self) -> None:
        while not self._over.wait(HOUSEKEEPING_S):
            self._folder.rotate_logs()
