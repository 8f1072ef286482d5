"""From joints to pixels: clothes and faces as primitives, camera, light, renderer."""
