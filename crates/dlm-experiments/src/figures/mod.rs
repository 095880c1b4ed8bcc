//! Figures: pure functions from measured numbers to the text of an SVG file.
//!
//! Nothing here opens a file or draws a random number: the same data give the same
//! bytes. A figure is drawn on white, so it can be printed and stays legible on a
//! dark page, and says what it shows in a `<title>` and a `<desc>`.

mod axis;
mod curves;
mod error;
mod heat_map;
mod palette;
mod panel;
mod sheet;
mod step_map;
mod text;

pub(crate) use curves::{Curve, Panel, Point, curves};
pub(crate) use error::FigureError;
pub(crate) use heat_map::{Cell, heat_map};
pub(crate) use step_map::{SettledCell, SettledSample, step_map};
