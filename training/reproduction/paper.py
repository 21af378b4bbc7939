"""What the paper reports.

Majjiga, Atluri, Mesharam (2024), "Deep Learning Approaches to Audio Classification".
"""

CITATION = "Majjiga, Atluri, Mesharam: Deep Learning Approaches to Audio Classification (2024)"
TESTS = 80
"""Its test clips, 20 of each of its four labels."""
ACCURACY = {"cnn": 0.6375, "lstm": 0.575, "svm": 0.45, "transformer": 0.25}
"""ResNet18 and the ensemble are described without a number."""
