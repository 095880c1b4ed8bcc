//! Colours that stay apart for colour-blind readers, and the contrast between them.

/// Red, green and blue in sRGB, each in `0..=255`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// One colour per curve of a panel, in this order: blue, vermilion, bluish green,
/// reddish purple and black (Okabe and Ito 2008). Those of the eight that a thin line
/// on white would hardly show are left out.
pub(super) const CURVE_COLOURS: [Colour; 5] = [
    Colour(0x00, 0x72, 0xB2),
    Colour(0xD5, 0x5E, 0x00),
    Colour(0x00, 0x9E, 0x73),
    Colour(0xCC, 0x79, 0xA7),
    Colour(0x00, 0x00, 0x00),
];

pub(super) const BLACK: Colour = Colour(0, 0, 0);
pub(super) const WHITE: Colour = Colour(0xFF, 0xFF, 0xFF);
/// Text that matters less than titles; 7:1 on white.
pub(super) const QUIET: Colour = Colour(0x55, 0x55, 0x55);
pub(super) const AXIS: Colour = Colour(0x70, 0x70, 0x70);
/// Behind a plot without data.
pub(super) const PALE: Colour = Colour(0xF6, 0xF6, 0xF6);
pub(super) const GRID: Colour = Colour(0xE4, 0xE4, 0xE4);

/// The colour of a probability `p`: light at 0, dark at 1, through blue.
///
/// In the cylindrical coordinates of Oklab (Ottosson 2020), lightness falls evenly,
/// `L = 0.975 − 0.675p`, so that equal steps of probability look equal, and the hue
/// turns from light to deep blue. A `p` outside of `0..=1` is moved to the nearer end.
pub(super) fn sequential(p: f64) -> Colour {
    let [red, green, blue] = sequential_linear(p.clamp(0.0, 1.0)).map(encode);
    Colour(red, green, blue)
}

/// Black or white, whichever is read more easily on `background`.
///
/// Their contrasts with any background multiply to 21, so the larger one is at least
/// √21 ≈ 4.58 and meets level AA of the WCAG, 4.5.
pub(super) fn text_on(background: Colour) -> Colour {
    if contrast(WHITE, background) < contrast(BLACK, background) { BLACK } else { WHITE }
}

/// The contrast `(l₁ + 0.05)/(l₂ + 0.05)` of two colours with relative luminances
/// `l₁ ≥ l₂`, in `1..=21` (WCAG 2.2, section 1.4.3).
pub(super) fn contrast(one: Colour, other: Colour) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Linear channels of [`sequential`]; its chroma keeps them all within `0..=1`.
fn sequential_linear(p: f64) -> [f64; 3] {
    let lightness = 0.975 - 0.675 * p;
    let chroma = 0.012 + 0.32 * p * (1.0 - p) + 0.09 * p * p;
    let hue = (220.0 + 45.0 * p).to_radians();
    oklab_to_linear(lightness, chroma * hue.cos(), chroma * hue.sin())
}

/// Relative luminance `0.2126R + 0.7152G + 0.0722B` of linear channels.
fn luminance(Colour(red, green, blue): Colour) -> f64 {
    0.2126 * decode(red) + 0.7152 * decode(green) + 0.0722 * decode(blue)
}

/// Oklab to linear sRGB (Ottosson 2020).
fn oklab_to_linear(lightness: f64, a: f64, b: f64) -> [f64; 3] {
    let long = (lightness + 0.3963377774 * a + 0.2158037573 * b).powi(3);
    let medium = (lightness - 0.1055613458 * a - 0.0638541728 * b).powi(3);
    let short = (lightness - 0.0894841775 * a - 1.2914855480 * b).powi(3);
    [
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ]
}

/// A linear channel as a byte of sRGB (IEC 61966-2-1).
fn encode(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded =
        if linear <= 0.0031308 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (255.0 * encoded).round() as u8
}

/// The inverse of [`encode`].
fn decode(byte: u8) -> f64 {
    let encoded = f64::from(byte) / 255.0;
    if encoded <= 0.04045 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probabilities() -> impl Iterator<Item = f64> {
        (0..=100).map(|percent| f64::from(percent) / 100.0)
    }

    #[test]
    fn text_is_legible_at_every_probability() {
        for p in probabilities() {
            let background = sequential(p);
            assert!(4.5 <= contrast(text_on(background), background), "p = {p}");
        }
    }

    #[test]
    fn more_probable_is_darker() {
        let lights: Vec<f64> = probabilities().map(|p| luminance(sequential(p))).collect();
        assert!(lights.is_sorted_by(|before, after| after < before), "{lights:?}");
    }

    #[test]
    fn the_ends_are_nearly_white_and_nearly_black() {
        assert!(contrast(sequential(0.0), WHITE) < 1.15);
        assert!(12.0 < contrast(sequential(1.0), WHITE));
        assert_eq!((sequential(-1.0), sequential(2.0)), (sequential(0.0), sequential(1.0)));
    }

    #[test]
    fn no_colour_of_the_scale_is_clipped() {
        for p in probabilities() {
            let channels = sequential_linear(p);
            assert!(channels.iter().all(|c| (0.0..=1.0).contains(c)), "p = {p}: {channels:?}");
        }
    }

    #[test]
    fn contrast_has_its_published_values() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-12);
        assert!((contrast(WHITE, WHITE) - 1.0).abs() < 1e-12);
        // The lightest grey that passes level AA on white.
        assert!((contrast(Colour(0x76, 0x76, 0x76), WHITE) - 4.54).abs() < 0.005);
        assert!(contrast(Colour(0x77, 0x77, 0x77), WHITE) < 4.5);
    }

    #[test]
    fn curves_and_quiet_text_stand_out_from_white() {
        for colour in CURVE_COLOURS {
            assert!(3.0 <= contrast(colour, WHITE), "{colour:?}");
        }
        assert!(7.0 <= contrast(QUIET, WHITE));
    }
}
