//! Intervals of series whose neighbours go together.

use crate::{Bootstrap, Error, Estimate, Method, check};

/// A stretch of a series, and how many neighbours of it are drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many values it has.
    pub length: usize,
    /// How many neighbours make a block; [`block_length`](fn@crate::block_length) proposes it.
    pub block: usize,
}

impl Bootstrap {
    /// A statistic of stretches of a series, by the circular block bootstrap.
    ///
    /// Drawing single values would take neighbours for independent, and the interval would be
    /// too narrow where they go together. Here a stretch of `n` values in blocks of `b` is put
    /// together from `⌈n/b⌉` blocks, each of which starts at any of the `n` places with the
    /// same chance and goes on at the first value behind the last, so that every value comes
    /// as often as any other; what is beyond `n` is cut off. Stretches are drawn each by
    /// itself. With blocks of 1 it is the ordinary bootstrap.
    ///
    /// `statistic` is given as many indices as there are values, stretch after stretch; an
    /// index counts the values of all stretches from the first. The estimate's units are the
    /// blocks. [`Method::Bca`] is taken for [`Method::Expanded`], because nothing can be left
    /// out of a series one by one.
    ///
    /// The series has to be stationary within a stretch. Blocks cut correlations where they
    /// meet, so the interval is still somewhat too narrow, and the more so the fewer blocks
    /// there are: below a dozen it is a rough one, for which expanded percentiles are made.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::statistic`], a stretch of fewer than two blocks, and a block of 0.
    ///
    /// Sources: Politis and Romano, *A circular block-resampling procedure for stationary data*
    /// (1992); blocks: Künsch, *The jackknife and the bootstrap for general stationary
    /// observations* (1989).
    ///
    /// ```
    /// use dlm_stats::{Bootstrap, Stretch};
    ///
    /// let series = [1.0, 1.2, 1.1, 0.3, 0.2, 0.4, 0.9, 1.0];
    /// let mean = |chosen: &[usize]| chosen.iter().map(|&i| series[i]).sum::<f64>() / 8.0;
    /// let estimate =
    ///     Bootstrap::default().circular_blocks(&[Stretch { length: 8, block: 2 }], mean)?;
    /// assert!(estimate.lower < estimate.value && estimate.value < estimate.upper);
    /// assert_eq!(estimate.units, 4);
    /// # Ok::<(), dlm_stats::Error>(())
    /// ```
    pub fn circular_blocks<F>(&self, stretches: &[Stretch], statistic: F) -> Result<Estimate, Error>
    where
        F: Fn(&[usize]) -> f64 + Sync,
    {
        let blocks = |stretch: &Stretch| stretch.length.div_ceil(stretch.block);
        for stretch in stretches {
            check::enough("values of a block", stretch.block, 1)?;
            check::enough("blocks of a stretch", blocks(stretch), 2)?;
        }
        let units = stretches.iter().map(blocks).sum();
        self.check(units)?;
        let resampled = self.resampled(&statistic, |stream, chosen| {
            let mut first = 0;
            for &Stretch { length, block } in stretches {
                let end = first + length;
                for _ in 0..length.div_ceil(block) {
                    let start = stream.below(length as u64) as usize;
                    let places = start..start + block.min(end - chosen.len());
                    chosen.extend(places.map(|place| first + place % length));
                }
                first = end;
            }
        });
        let all: Vec<usize> = (0..stretches.iter().map(|stretch| stretch.length).sum()).collect();
        let method = match self.method {
            Method::Bca => Method::Expanded,
            other => other,
        };
        Self { method, ..*self }.estimate(units, statistic(&all), resampled, &[])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::block_length;
    use crate::block_length::tests::autoregression;

    fn mean(values: &[f64]) -> impl Fn(&[usize]) -> f64 + Sync {
        |chosen| chosen.iter().map(|&i| values[i]).sum::<f64>() / chosen.len() as f64
    }

    /// With blocks of 1, the same draws make the same resamples.
    #[test]
    fn blocks_of_one_are_the_ordinary_bootstrap() {
        let values = autoregression(0.5, 40, 1);
        let bootstrap = Bootstrap { resamples: 199, ..Bootstrap::default() };
        let found = bootstrap.circular_blocks(&[Stretch { length: 40, block: 1 }], mean(&values));
        assert_eq!(found, bootstrap.mean(&values));
    }

    /// The mean of n values of an autoregression has variance (1 + ρ)/(1 − ρ)/n; single values
    /// make it 1/n. Blocks of b fall short by about 2ρ/(1 − ρ²)/b of it, 7 % here.
    #[test]
    fn the_variance_is_that_of_an_autoregression() {
        let (rho, n, series) = (0.6, 2000, 30);
        let (mut blocks, mut singly) = (0.0, 0.0);
        for seed in 0..series {
            let values = autoregression(rho, n, seed);
            let bootstrap = Bootstrap { resamples: 399, seed, ..Bootstrap::default() };
            let stretch = Stretch { length: n, block: block_length(&values).unwrap() };
            let found = bootstrap.circular_blocks(&[stretch], mean(&values)).unwrap();
            let plain = bootstrap.mean(&values).unwrap();
            let variance = |e: Estimate| ((e.upper - e.lower) / 2.0 / 1.96).powi(2);
            let truth = (1.0 + rho) / (1.0 - rho) / n as f64;
            blocks += variance(found) / truth / series as f64;
            singly += variance(plain) / truth / series as f64;
        }
        assert!((0.82..1.02).contains(&blocks), "{blocks}");
        assert!((0.22..0.28).contains(&singly), "{singly}");
    }

    /// Every index of a stretch stays within it, and there are as many as values; runs are
    /// neighbours.
    #[test]
    fn stretches_are_drawn_each_by_itself() {
        let stretches = [Stretch { length: 7, block: 3 }, Stretch { length: 10, block: 4 }];
        let bootstrap = Bootstrap { resamples: 99, ..Bootstrap::default() };
        let seen = |chosen: &[usize]| {
            assert_eq!(chosen.len(), 17);
            let (first, second) = chosen.split_at(7);
            assert!(first.iter().all(|&i| i < 7) && second.iter().all(|i| (7..17).contains(i)));
            let follows = |last: usize| {
                move |pair: &[usize]| match pair[0] == last {
                    true => pair[1] < last,
                    false => pair[0] + 1 == pair[1],
                }
            };
            assert!(first.chunks(3).all(|run| run.windows(2).all(follows(6))));
            assert!(second.chunks(4).all(|run| run.windows(2).all(follows(16))));
            chosen.iter().sum::<usize>() as f64
        };
        let found = bootstrap.circular_blocks(&stretches, seen).unwrap();
        assert_eq!((found.value, found.units), (136.0, 6));
    }

    /// Values at the ends of a stretch come as often as those in its middle.
    #[test]
    fn every_value_has_the_same_weight() {
        let counts = Mutex::new([0usize; 8]);
        let bootstrap = Bootstrap { resamples: 4000, ..Bootstrap::default() };
        let count = |chosen: &[usize]| {
            let mut counts = counts.lock().unwrap();
            chosen.iter().for_each(|&index| counts[index] += 1);
            0.0
        };
        bootstrap.circular_blocks(&[Stretch { length: 8, block: 4 }], count).unwrap();
        let counts = counts.into_inner().unwrap();
        let mean = counts.iter().sum::<usize>() as f64 / 8.0;
        assert!(counts.iter().all(|&n| (n as f64 / mean - 1.0).abs() < 0.06), "{counts:?}");
    }

    #[test]
    fn a_stretch_of_one_block_has_no_interval() {
        let bootstrap = Bootstrap::default();
        let try_one = |length, block| {
            bootstrap.circular_blocks(&[Stretch { length, block }], |chosen| chosen.len() as f64)
        };
        for (length, block, found) in [(1, 1, 1), (4, 4, 1), (0, 3, 0), (3, 9, 1)] {
            let what = "blocks of a stretch";
            assert_eq!(try_one(length, block), Err(Error::TooFew { what, found, needed: 2 }));
        }
        let what = "values of a block";
        assert_eq!(try_one(4, 0), Err(Error::TooFew { what, found: 0, needed: 1 }));
        assert!(matches!(bootstrap.circular_blocks(&[], |_| 0.0), Err(Error::TooFew { .. })));
    }
}
