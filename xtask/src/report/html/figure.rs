//! A figure: the still picture, and what can be done with its data.

use maud::{Markup, html};

use super::policy::picture;
use super::text::prose;
use super::{curves, heat_map, player};
use crate::report::address::address;
use crate::results::{Data, Shown};

/// Picture, view of the data, caption and files. Where scripts run, a heat map or a
/// player takes the place of its picture; print shows the picture.
pub(super) fn figure(id: &str, shown: &Shown) -> Markup {
    let (live, table) = match &shown.data {
        Data::Absent => (None, None),
        Data::HeatMap(map) => (Some(heat_map::view(map)), Some(heat_map::table(map))),
        Data::Curves(points) => (None, Some(curves::table(points))),
        Data::Trajectory(found) => (Some(player::view(found)), Some(player::table(found))),
    };
    html! {
        figure {
            figcaption { h3 { (shown.title) } (prose(&shown.caption)) }
            div.still.replaced[live.is_some()] {
                img src=(picture(&shown.svg)) alt=(format!("{}. {}", shown.title, shown.caption));
            }
            @if let Some(live) = live { (live) }
            @if let Some(table) = table { (table) }
            p.files {
                a href=(address(&format!("{id}/{}", shown.file))) { (shown.file) }
                @if let Some(data) = &shown.data_file {
                    " · " a href=(address(&format!("{id}/{data}"))) { (data) }
                }
            }
        }
    }
}
