//! The laws of the numbers, at fixed seeds.

use dlm_rng::{Key, Purpose};

/// The number at place `i` of some way through the keys.
type Walk<'a> = Box<dyn FnMut(u64) -> f64 + 'a>;

/// The `i`th pair of keys that differ in one coordinate.
type Neighbours = fn(u64) -> [Key; 2];

fn test_key() -> Key {
    Key::new(2024).purpose(Purpose::Test)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (x_mean, y_mean) = (mean(x), mean(y));
    let product = |a: &[f64], a_mean: f64, b: &[f64], b_mean: f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - a_mean) * (b - b_mean)).sum()
    };
    product(x, x_mean, y, y_mean)
        / (product(x, x_mean, x, x_mean) * product(y, y_mean, y, y_mean)).sqrt()
}

/// Pearson's χ² of counts that should be equal.
fn chi_square(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
}

/// χ² with ν degrees of freedom stays within five of its standard deviations √2ν;
/// far too small is as wrong as far too large.
fn assert_plausible(chi_square: f64, cells: usize, what: &str) {
    let degrees = (cells - 1) as f64;
    let distance = (chi_square - degrees).abs() / (2.0 * degrees).sqrt();
    assert!(distance < 5.0, "{what}: chi-square {chi_square} with {degrees} degrees of freedom");
}

/// A result recorded once can be had again: these numbers do not change.
#[test]
fn the_first_numbers_are_pinned() {
    let key = Key::new(7).sequence(3).step(12).position(5);
    let mut stream = key.stream();
    let uniforms: Vec<f64> = (0..5).map(|_| stream.uniform()).collect();
    assert_eq!(
        uniforms,
        [
            0.6197323299540367,
            0.012839756956616766,
            0.35377283665004844,
            0.6272666281449756,
            0.44541668208251695
        ]
    );

    let mut stream = key.purpose(Purpose::Noise).stream();
    let normals: Vec<f64> = (0..3).map(|_| stream.normal()).collect();
    assert_eq!(normals, [0.0825453667549257, -0.7427050974764235, -0.35719458126461107]);

    let mut stream = key.purpose(Purpose::Bootstrap).stream();
    let integers: Vec<u64> = (0..8).map(|_| stream.below(100)).collect();
    assert_eq!(integers, [65, 51, 23, 92, 88, 53, 55, 60]);

    let mut order: Vec<u8> = (0..10).collect();
    key.purpose(Purpose::Order).stream().shuffle(&mut order);
    assert_eq!(order, [1, 7, 0, 6, 9, 4, 3, 2, 5, 8]);
}

/// Each discriminant is half of a key that recorded results depend on.
#[test]
fn the_purposes_are_pinned() {
    let pinned = [
        (Purpose::Token, 0),
        (Purpose::Order, 1),
        (Purpose::Remask, 2),
        (Purpose::Noise, 3),
        (Purpose::Time, 4),
        (Purpose::Corrupt, 5),
        (Purpose::Bootstrap, 6),
        (Purpose::Weights, 7),
        (Purpose::Data, 8),
        (Purpose::Test, 9),
    ];
    for (purpose, number) in pinned {
        assert_eq!(purpose as u64, number, "{purpose:?}");
    }
}

/// Setting any one coordinate changes the number, and no two coordinates stand
/// for each other.
#[test]
fn every_coordinate_counts() {
    let keys = [
        Key::new(0),
        Key::new(1),
        Key::new(0).sequence(1),
        Key::new(0).step(1),
        Key::new(0).position(1),
        Key::new(0).purpose(Purpose::Order),
    ];
    let numbers: Vec<f64> = keys.iter().map(|key| key.uniform()).collect();
    for (i, a) in numbers.iter().enumerate() {
        for b in &numbers[..i] {
            assert_ne!(a, b, "{numbers:?}");
        }
    }
}

#[test]
fn the_number_of_a_key_is_the_first_of_its_stream() {
    for position in 0..100 {
        let key = test_key().position(position);
        assert_eq!(key.uniform(), key.stream().uniform());
    }
}

/// Every coordinate in turn counts up while the others rest, as does the place
/// in one stream; each such sequence of numbers must itself be random.
#[test]
fn uniform_along_every_coordinate() {
    const CELLS: usize = 256;
    const DRAWS: u64 = 100_000;
    let mut stream = test_key().stream();
    let mut walks: [(&str, Walk<'_>); 5] = [
        ("seed", Box::new(|i| Key::new(i).purpose(Purpose::Test).uniform())),
        ("sequence", Box::new(|i| test_key().sequence(i).uniform())),
        ("step", Box::new(|i| test_key().step(i).uniform())),
        ("position", Box::new(|i| test_key().position(i).uniform())),
        ("stream", Box::new(move |_| stream.uniform())),
    ];
    for (name, draw) in &mut walks {
        let numbers: Vec<f64> = (0..DRAWS).map(&mut **draw).collect();
        let mut counts = vec![0; CELLS];
        for u in &numbers {
            assert!((0.0..1.0).contains(u));
            counts[(u * CELLS as f64) as usize] += 1;
        }
        assert_plausible(chi_square(&counts), CELLS, name);

        // Serial correlation of independent numbers is about N(0, 1/n).
        for lag in [1, 2, 4] {
            let r = correlation(&numbers[lag..], &numbers[..numbers.len() - lag]);
            assert!(r.abs() < 5.0 / (DRAWS as f64).sqrt(), "{name}, lag {lag}: {r}");
        }
    }
}

/// Pairs (first number, second number) of neighbouring keys fill the unit square.
#[test]
fn neighbouring_keys_are_jointly_uniform() {
    const SIDE: usize = 16;
    let neighbours: [(&str, Neighbours); 4] = [
        ("positions", |i| [test_key().position(i), test_key().position(i + 1)]),
        ("steps", |i| [test_key().position(i), test_key().position(i).step(1)]),
        ("sequences", |i| [test_key().position(i), test_key().position(i).sequence(1)]),
        ("purposes", |i| [test_key().position(i), test_key().position(i).purpose(Purpose::Token)]),
    ];
    for (name, pair) in neighbours {
        let mut counts = vec![0; SIDE * SIDE];
        for i in 0..100_000 {
            let [a, b] = pair(i).map(|key| (key.uniform() * SIDE as f64) as usize);
            counts[a * SIDE + b] += 1;
        }
        assert_plausible(chi_square(&counts), SIDE * SIDE, name);
    }
}

/// Mean 0, variance 1, skewness 0, kurtosis 3, each within five standard errors.
#[test]
fn normal_numbers_have_normal_moments() {
    const DRAWS: usize = 200_000;
    let mut stream = test_key().stream();
    let z: Vec<f64> = (0..DRAWS).map(|_| stream.normal()).collect();
    let n = DRAWS as f64;
    // The variance of zᵏ is E z²ᵏ − (E zᵏ)², with E z² = 1, E z⁴ = 3, E z⁶ = 15, E z⁸ = 105.
    for (power, expected, variance) in
        [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)]
    {
        let moment = z.iter().map(|z| z.powi(power)).sum::<f64>() / n;
        let distance = (moment - expected).abs() / (variance / n).sqrt();
        assert!(distance < 5.0, "E z^{power} = {moment}");
    }
    // The two halves of one Box-Muller pair are independent.
    let (first, second): (Vec<f64>, Vec<f64>) = z.chunks_exact(2).map(|p| (p[0], p[1])).unzip();
    assert!(correlation(&first, &second).abs() < 5.0 / (n / 2.0).sqrt());
    // As many lie within one standard deviation as the error function says.
    let within = z.iter().filter(|z| z.abs() < 1.0).count() as f64 / n;
    let expected = libm::erf(0.5_f64.sqrt());
    assert!((within - expected).abs() < 5.0 * (expected * (1.0 - expected) / n).sqrt());
}

#[test]
fn integers_below_n_are_equally_likely() {
    for n in [1_u64, 2, 3, 6, 7, 10, 100] {
        let mut stream = test_key().sequence(n).stream();
        let mut counts = vec![0; n as usize];
        for _ in 0..50_000 {
            counts[stream.below(n) as usize] += 1;
        }
        if n > 1 {
            assert_plausible(chi_square(&counts), n as usize, &format!("below {n}"));
        }
    }
}

/// Without rejection, a third of the answers below n = 3·2⁶² would be twice as
/// likely as the others: the multiples of 3 would hold half of all draws.
#[test]
fn a_range_that_does_not_divide_the_words_is_unbiased() {
    let n = 3 << 62;
    let mut stream = test_key().stream();
    let mut counts = vec![0; 3];
    for _ in 0..30_000 {
        let integer = stream.below(n);
        assert!(integer < n);
        counts[(integer % 3) as usize] += 1;
    }
    assert_plausible(chi_square(&counts), 3, "residues");
}

#[test]
fn ranges_at_the_ends() {
    let mut stream = test_key().stream();
    assert_eq!(stream.below(0), 0);
    assert_eq!(stream.below(1), 0);
    assert!((0..1000).any(|_| stream.below(u64::MAX) > u64::MAX / 2));
}

#[test]
fn all_orders_of_four_are_equally_likely() {
    let mut counts = std::collections::BTreeMap::new();
    let mut stream = test_key().stream();
    for _ in 0..24_000 {
        let mut order = [0_u8, 1, 2, 3];
        stream.shuffle(&mut order);
        *counts.entry(order).or_insert(0_u64) += 1;
    }
    let counts: Vec<u64> = counts.into_values().collect();
    assert_eq!(counts.len(), 24);
    assert_plausible(chi_square(&counts), 24, "orders");
}

#[test]
fn shuffling_nothing_and_one_takes_no_number() {
    let mut stream = test_key().stream();
    stream.shuffle::<u8>(&mut []);
    stream.shuffle(&mut [1]);
    assert_eq!(stream.u64(), test_key().stream().u64());
}
