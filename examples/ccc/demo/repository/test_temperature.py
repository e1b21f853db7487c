import unittest

from temperature import celsius_to_fahrenheit


class CelsiusToFahrenheit(unittest.TestCase):
    def test_water_freezes(self):
        self.assertEqual(celsius_to_fahrenheit(0), 32)


if __name__ == "__main__":
    unittest.main()
