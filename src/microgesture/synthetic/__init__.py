"""A world of people that do not exist: body, motions, camera, renderer, interviews with a known outcome."""
