//! Laws of masked samplers.

mod asking;
mod choosing;
mod combinations;
mod crediting;
mod enumeration;
mod exactness;
mod goldens;
mod hand;
mod model;
mod resuming;
mod settling;
mod stability;
