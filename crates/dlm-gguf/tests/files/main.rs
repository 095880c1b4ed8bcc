//! The reader and the conversion, on small files written here.

mod fixture;
mod hostile;
mod round_trip;
