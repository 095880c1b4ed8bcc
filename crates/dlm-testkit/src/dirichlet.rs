//! Random distributions.

use dlm_rng::Stream;

/// A distribution over `n ≥ 1` outcomes from the symmetric Dirichlet distribution.
///
/// `concentration > 0`: below 1 few outcomes have most of the mass, 1 is uniform over
/// all distributions, and large values lie close to the uniform one.
///
/// `xᵢ = gᵢ/Σg` with `g` of the gamma distribution. A small concentration makes `g` too
/// small for a float, so logarithms are kept: with `g'` of shape `a + 1`,
/// `ln g = ln g' + ln(u)/a` has shape `a`.
pub(crate) fn dirichlet(n: usize, concentration: f64, stream: &mut Stream) -> Vec<f64> {
    let logs: Vec<f64> = (0..n)
        .map(|_| {
            let g = gamma_above_one(concentration + 1.0, stream);
            g.ln() + (1.0 - stream.uniform()).ln() / concentration
        })
        .collect();
    let max = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut x: Vec<f64> = logs.iter().map(|log| (log - max).exp()).collect();
    crate::matrix::normalise(&mut x);
    x
}

/// A number of the gamma distribution with `shape ≥ 1` and scale 1 (Marsaglia & Tsang
/// 2000): `d·(1 + c·z)³` for a normal `z`, most of which are taken.
fn gamma_above_one(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = stream.normal();
        let v = (1.0 + c * z).powi(3);
        let u = 1.0 - stream.uniform();
        if 0.0 < v && u.ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::{Key, Purpose};

    use super::dirichlet;

    /// `E x = 1/n` and `Var x = (n − 1)/(n²(na + 1))` of each coordinate.
    #[test]
    fn has_the_moments_of_the_dirichlet_distribution() {
        const DRAWS: usize = 4000;
        for (n, a) in [(2, 1.0), (4, 0.3), (3, 20.0)] {
            let mut stream = Key::new(5).purpose(Purpose::Test).sequence(n as u64).stream();
            let draws: Vec<_> = (0..DRAWS).map(|_| dirichlet(n, a, &mut stream)).collect();
            let mean = 1.0 / n as f64;
            let variance = (n - 1) as f64 / ((n * n) as f64 * (n as f64 * a + 1.0));
            for i in 0..n {
                let average = draws.iter().map(|x| x[i]).sum::<f64>() / DRAWS as f64;
                let spread =
                    draws.iter().map(|x| (x[i] - mean).powi(2)).sum::<f64>() / DRAWS as f64;
                let error = (variance / DRAWS as f64).sqrt();
                assert!((average - mean).abs() < 4.0 * error, "n {n}, a {a}: {average}");
                assert!((spread / variance - 1.0).abs() < 0.15, "n {n}, a {a}: {spread}");
            }
        }
    }

    #[test]
    fn is_a_distribution_at_any_concentration() {
        let mut stream = Key::new(6).purpose(Purpose::Test).stream();
        for a in [1e-6, 1e-2, 1.0, 1e6] {
            let x = dirichlet(7, a, &mut stream);
            assert!((x.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{a}: {x:?}");
            assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
        }
    }
}
