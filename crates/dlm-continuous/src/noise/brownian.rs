//! One path of noise for any number of steps.

use dlm_core::{Latent, LatentError, Levels, NoiseLevel, Shape};
use dlm_rng::{Key, Purpose, Stream};
use rayon::prelude::*;

use super::stepwise::{check_keys, standard_normal};
use super::{Noise, NoiseError};

/// One path of noise for any number of steps, so that their results can be compared.
///
/// Ancestral sampling is a Brownian motion in the clock `τ = α²/σ² = e^{2λ}`. To see it, let
/// the forward process start from a fixed `x₀`: `x/α = x₀ + B(1/τ)` with a Brownian motion `B`
/// whose variance `σ²/α² = 1/τ` grows with the noise. Read backwards, by the inversion of time,
///
/// ```text
/// u = (x − α·x₀)·α/σ² = τ·B(1/τ) = W(τ)
/// ```
///
/// is a Brownian motion again. A step from `τ` to `τ' > τ` is therefore `u' = u + W(τ') − W(τ)`,
/// whose increment has the variance `τ' − τ` and is independent of the past. In terms of `x'`
/// its standard deviation is `σ'²/α'·√(τ' − τ)`, that of the posterior `q(x' | x, x₀)`. So a
/// step's standard normal noise is
///
/// ```text
/// z = (W(τ') − W(τ))/√(τ' − τ)
/// ```
///
/// and steps taken together add up: where the data prediction is constant, ten steps and a
/// thousand land on the same state. Otherwise what differs is the discretisation, not luck.
///
/// `W` is a virtual tree (Gaines and Lyons 1997): its value at the middle of an interval of
/// `λ` follows from the values at the ends and from a normal number named by sequence,
/// position and interval, by the law of a Brownian bridge; halving goes on until the interval
/// is a leaf. Leaves are 1/2048 nats wide for `|λ| ≤ 16`, and beyond are two wide ones. Within
/// a leaf a value is drawn given its ends and, if the step before ended in the same leaf, where
/// it ended. Thus, for noise that falls from step to step,
///
/// - the increments of a run have their law exactly, whatever its levels;
/// - runs see the same path, except that a run which visits a leaf twice sees another value
///   at its second visit than a run which goes there directly.
///
/// Data, where `τ = ∞`, counts as `λ = 350`: the last increment has its law, and a sampler
/// multiplies it by 0. A position that stays where it is has no increment and gets zeros.
/// [`fresh`](Noise::fresh) noise is independent of the path and the same as that of
/// [`Stepwise`](super::Stepwise) with equal keys; methods that ask for it at every step share
/// no path. Nor do samplers that are deterministic ask for any.
///
/// A draw makes 19 normal numbers for each number of the state, and remembers one.
#[derive(Debug)]
pub struct Brownian {
    keys: Vec<Key>,
    draws: u64,
    shape: Option<Shape>,
    walks: Vec<Walk>,
}

impl Brownian {
    /// The path of a batch whose sequence `b` draws from `keys[b]`, of which step, position
    /// and purpose are set here.
    pub fn new(keys: impl Into<Vec<Key>>) -> Self {
        Self { keys: keys.into(), draws: 0, shape: None, walks: vec![] }
    }

    /// Starts the walks where the shape is not known yet; later it has to stay.
    fn prepare(&mut self, shape: Shape) -> Result<(), NoiseError> {
        check_keys(&self.keys, shape)?;
        match self.shape {
            Some(known) if known != shape => {
                Err(LatentError::Shapes { left: known, right: shape })?
            }
            Some(_) => Ok(()),
            None => {
                let walk = |position: usize| {
                    let (sequence, place) = (position / shape.length, position % shape.length);
                    Walk::new(self.keys[sequence].position(place as u64), shape.dim)
                };
                self.walks = (0..shape.positions()).map(walk).collect();
                self.shape = Some(shape);
                Ok(())
            }
        }
    }
}

impl<X: Latent> Noise<X> for Brownian {
    fn fresh(&mut self, like: &X) -> Result<X, NoiseError> {
        let noise = standard_normal(like, &self.keys, self.draws)?;
        self.draws += 1;
        Ok(noise)
    }

    fn between(&mut self, like: &X, from: &Levels, to: &Levels) -> Result<X, NoiseError> {
        self.prepare(like.shape())?;
        let step = |(position, walk): (usize, &mut Walk)| {
            walk.step(clock(from.at(position)), clock(to.at(position)));
        };
        self.walks.par_iter_mut().enumerate().for_each(step);
        let walks = &self.walks;
        Ok(like.map_positions(&|position, row| row.copy_from_slice(&walks[position].z))?)
    }
}

/// The tree spans `λ` from `−EDGE` to `EDGE`.
const EDGE: f64 = 16.0;
/// How often the tree's span is halved.
const DEPTH: u32 = 16;
/// Levels further out, data among them, count as these: `e^{2λ}` stays a number.
const END: f64 = 350.0;

/// The interval from `−EDGE` to `EDGE`; halves of interval `n` are `2n` and `2n + 1`.
const ROOT: u64 = 1;
/// What else has numbers of its own: the values at three points, and the two outer leaves.
const AT_EDGES: [u64; 2] = [1 << (DEPTH + 1), (1 << (DEPTH + 1)) + 1];
const AT_END: u64 = AT_EDGES[1] + 1;
const BELOW: u64 = AT_END + 1;
const ABOVE: u64 = BELOW + 1;
/// Sets the steps of the path apart from those of fresh noise.
const PATH: u64 = 1 << 63;

/// `λ`, kept to where `e^{2λ}` is a number.
fn clock(level: NoiseLevel) -> f64 {
    level.lambda().clamp(-END, END)
}

/// The path of one position, and how far a run has followed it.
#[derive(Debug)]
struct Walk {
    key: Key,
    /// `λ` of the last visit; not a number before the first.
    at: f64,
    /// The leaf of the last visit, 0 for none, and how many visits to it came before.
    leaf: u64,
    earlier: u64,
    /// `W` at the last visit, and the noise of the last step, `[dim]` each.
    w: Vec<f64>,
    z: Vec<f64>,
}

impl Walk {
    fn new(key: Key, dim: usize) -> Self {
        Self { key, at: f64::NAN, leaf: 0, earlier: 0, w: vec![0.0; dim], z: vec![0.0; dim] }
    }

    /// `z = (W(τ') − W(τ))/√(τ' − τ)`.
    fn step(&mut self, from: f64, to: f64) {
        if from == to {
            self.z.fill(0.0);
            return;
        }
        if self.at != from {
            self.leaf = 0;
            self.visit(from);
        }
        self.z.copy_from_slice(&self.w);
        self.visit(to);
        let std = spread(from.min(to), from.max(to));
        for (z, w) in self.z.iter_mut().zip(&self.w) {
            *z = (w - *z) / std;
        }
    }

    /// Makes `w` the value at `lambda`, given the ends of its leaf and, in the same leaf, the
    /// value before.
    fn visit(&mut self, lambda: f64) {
        let mut leaf = self.descend(lambda);
        let is_same = leaf.id == self.leaf && self.at <= lambda;
        self.earlier = if is_same { self.earlier + 1 } else { 0 };
        if is_same {
            leaf.left.copy_from_slice(&self.w);
            leaf.from = self.at;
        }
        let bridge = Bridge::new(leaf.from, lambda, leaf.to);
        let mut normals = self.normals(leaf.id + (self.earlier << 32));
        for (w, (left, right)) in self.w.iter_mut().zip(leaf.left.iter().zip(&leaf.right)) {
            *w = bridge.between(*left, *right, normals.normal());
        }
        (self.at, self.leaf) = (lambda, leaf.id);
    }

    /// The leaf that holds `lambda`.
    fn descend(&self, lambda: f64) -> Interval {
        let origin = vec![0.0; self.w.len()];
        let low = self.walked(&origin, f64::NEG_INFINITY, -EDGE, AT_EDGES[0]);
        if lambda < -EDGE {
            let from = f64::NEG_INFINITY;
            return Interval { id: BELOW, from, to: -EDGE, left: origin, right: low };
        }
        let high = self.walked(&low, -EDGE, EDGE, AT_EDGES[1]);
        if EDGE <= lambda {
            let end = self.walked(&high, EDGE, END, AT_END);
            return Interval { id: ABOVE, from: EDGE, to: END, left: high, right: end };
        }
        let mut here = Interval { id: ROOT, from: -EDGE, to: EDGE, left: low, right: high };
        for _ in 0..DEPTH {
            here.halve(lambda, self.normals(here.id));
        }
        here
    }

    /// `W` at `to`, from its values at `from`.
    fn walked(&self, w: &[f64], from: f64, to: f64, id: u64) -> Vec<f64> {
        let (std, mut normals) = (spread(from, to), self.normals(id));
        w.iter().map(|w| w + std * normals.normal()).collect()
    }

    fn normals(&self, id: u64) -> Stream {
        self.key.step(PATH | id).purpose(Purpose::Noise).stream()
    }
}

/// An interval of `λ`, and `W` at its ends, `[dim]` each.
struct Interval {
    id: u64,
    from: f64,
    to: f64,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Interval {
    /// The half that holds `lambda`.
    fn halve(&mut self, lambda: f64, mut normals: Stream) {
        // Exact, because the ends are multiples of a power of 2.
        let middle = 0.5 * (self.from + self.to);
        let bridge = Bridge::new(self.from, middle, self.to);
        let is_right = middle <= lambda;
        let (moved, kept) = match is_right {
            true => (&mut self.left, &self.right),
            false => (&mut self.right, &self.left),
        };
        for (moved, kept) in moved.iter_mut().zip(kept) {
            let (left, right) = if is_right { (*moved, *kept) } else { (*kept, *moved) };
            *moved = bridge.between(left, right, normals.normal());
        }
        *if is_right { &mut self.from } else { &mut self.to } = middle;
        self.id = 2 * self.id + u64::from(is_right);
    }
}

/// `√(τ' − τ)` for `λ ≤ λ'`.
fn spread(from: f64, to: f64) -> f64 {
    to.exp() * (-(2.0 * (from - to)).exp_m1()).sqrt()
}

/// The law of `W` at a point between two others where it is known.
struct Bridge {
    /// How much of the way, in `τ`, lies before the point.
    share: f64,
    std: f64,
}

impl Bridge {
    /// At `a ≤ m ≤ b`, all of them `λ`:
    ///
    /// ```text
    /// share    = (τ_m − τ_a)/(τ_b − τ_a) = e^{2(m−b)}·(1 − e^{2(a−m)})/(1 − e^{2(a−b)})
    /// variance = share·(τ_b − τ_m)       = share·τ_b·(1 − e^{2(m−b)})
    /// ```
    ///
    /// The right-hand forms lose no digits, however wide or narrow the interval is.
    fn new(a: f64, m: f64, b: f64) -> Self {
        let whole = (2.0 * (a - b)).exp_m1();
        let share = (2.0 * (m - b)).exp() * (2.0 * (a - m)).exp_m1() / whole;
        let left = -(2.0 * (m - b)).exp_m1();
        Self { share, std: b.exp() * (share * left).sqrt() }
    }

    fn between(&self, left: f64, right: f64, normal: f64) -> f64 {
        left + self.share * (right - left) + self.std * normal
    }
}
