"""`assert_gradients_agree` and the pytest plug-in."""
