"""Conversions between temperature scales."""


def celsius_to_fahrenheit(celsius: float) -> float:
    """The temperature in degrees Fahrenheit."""
    return celsius * 5 / 9 + 32
