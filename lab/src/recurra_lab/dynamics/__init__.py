"""A trained network as a dynamical system: fixed points, spectra, Lyapunov exponents, gradients over lag."""
