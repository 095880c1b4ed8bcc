//! The colours of probabilities, on a light and on a dark page.

use std::fmt::Write as _;

/// How many steps of colour there are above that of probability 0.
pub(super) const LEVELS: u32 = 40;

/// The step of colour nearest to `p`, in `0..=LEVELS`.
pub(super) fn level(p: f64) -> u32 {
    (p.clamp(0.0, 1.0) * f64::from(LEVELS)).round() as u32
}

/// Rules that colour any element by its attribute `data-level`.
pub(super) fn css() -> String {
    (0..=LEVELS).fold(String::new(), |mut rules, level| {
        let p = f64::from(level) / f64::from(LEVELS);
        let (light, dark) = (on_light(p), on_dark(p));
        let _ = writeln!(
            rules,
            "[data-level=\"{level}\"]{{background:light-dark({},{});color:light-dark({},{})}}",
            light.css(),
            dark.css(),
            light.text(),
            dark.text(),
        );
        rules
    })
}

/// The cylindrical coordinates of Oklab (Ottosson 2020), the hue in degrees.
/// Equal steps of its lightness, in `0..=1`, look equal.
#[derive(Clone, Copy)]
struct Oklch {
    lightness: f64,
    chroma: f64,
    hue: f64,
}

/// Nearly white at 0, nearly black at 1, through blue; as in the SVG figures.
fn on_light(p: f64) -> Oklch {
    Oklch {
        lightness: 0.975 - 0.675 * p,
        chroma: 0.012 + 0.32 * p * (1.0 - p) + 0.09 * p * p,
        hue: 220.0 + 45.0 * p,
    }
}

/// Nearly the page at 0, nearly white at 1: more stands out more on either page.
fn on_dark(p: f64) -> Oklch {
    Oklch {
        lightness: 0.27 + 0.66 * p,
        chroma: 0.02 + 0.32 * p * (1.0 - p) + 0.02 * p * p,
        hue: 265.0 - 45.0 * p,
    }
}

impl Oklch {
    fn css(self) -> String {
        format!("oklch({:.4} {:.4} {:.1})", self.lightness, self.chroma, self.hue)
    }

    /// Black or white, whichever is read more easily on this colour. Their
    /// contrasts multiply to 21, so the larger is at least √21 ≈ 4.58 and meets
    /// level AA of the WCAG, 4.5.
    fn text(self) -> &'static str {
        if self.contrast(0.0) < self.contrast(1.0) { "#fff" } else { "#000" }
    }

    /// The contrast with a colour of relative luminance `other` (WCAG 2.2, 1.4.3).
    fn contrast(self, other: f64) -> f64 {
        let [red, green, blue] = self.linear();
        let own = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        (own.max(other) + 0.05) / (own.min(other) + 0.05)
    }

    /// Linear channels of sRGB.
    fn linear(self) -> [f64; 3] {
        let (sin, cos) = self.hue.to_radians().sin_cos();
        let (a, b) = (self.chroma * cos, self.chroma * sin);
        let long = (self.lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let medium = (self.lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let short = (self.lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        [
            4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short,
            -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short,
            -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701_0 * short,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scales() -> impl Iterator<Item = (u32, Oklch)> {
        let of_level = |level: u32| f64::from(level) / f64::from(LEVELS);
        (0..=LEVELS).flat_map(move |level| {
            [(level, on_light(of_level(level))), (level, on_dark(of_level(level)))]
        })
    }

    #[test]
    fn text_is_legible_on_every_level() {
        for (level, colour) in scales() {
            let text = if colour.text() == "#fff" { 1.0 } else { 0.0 };
            assert!(4.5 <= colour.contrast(text), "level {level}");
        }
    }

    #[test]
    fn no_colour_is_clipped() {
        for (level, colour) in scales() {
            let channels = colour.linear();
            let within = channels.iter().all(|channel| (0.0..=1.0).contains(channel));
            assert!(within, "level {level}, {}: {channels:?}", colour.css());
        }
    }

    #[test]
    fn contrast_has_its_published_values() {
        let grey = |lightness| Oklch { lightness, chroma: 0.0, hue: 0.0 };
        assert!((grey(1.0).contrast(0.0) - 21.0).abs() < 1e-6);
        assert!((grey(1.0).contrast(1.0) - 1.0).abs() < 1e-6);
        // Luminance is the cube of a grey's lightness.
        assert!((grey(0.5).contrast(0.0) - 0.175 / 0.05).abs() < 1e-6);
    }

    #[test]
    fn probabilities_round_to_the_nearest_level() {
        let levels = [-1.0, 0.0, 0.012, 0.013, 0.5, 1.0, 1.000_01].map(level);
        assert_eq!(levels, [0, 0, 0, 1, LEVELS / 2, LEVELS, LEVELS]);
    }
}
