"""Front-ends, bundles and classifiers: everything that a model is, apart from how it is trained."""
