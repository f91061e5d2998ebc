"""What a user is told when something cannot be fetched."""


class AssetError(Exception):
    """A problem with its reason and a hint, as the program itself words them."""

    def __init__(self, problem: str, reason: str, hint: str) -> None:
        super().__init__(problem)
        self.problem, self.reason, self.hint = problem, reason, hint

    def __str__(self) -> str:
        return f"{self.problem}\n  reason: {self.reason}\n  hint: {self.hint}"
