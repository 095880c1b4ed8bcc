//! Every outcome of every decision, one path at a time.

/// The paths through all decisions of a random procedure, so that its law can be added up
/// instead of estimated.
///
/// The procedure is run once per path and asks for each of its decisions. A path takes the
/// outcomes of the path before as far as they go and the next outcome at the last decision
/// that has one, until there is none.
///
/// ```
/// use dlm_testkit::Branches;
///
/// // Two throws of a coin that shows heads three times in four.
/// let (mut branches, mut both) = (Branches::default(), 0.0);
/// while branches.begin() {
///     let heads = branches.choose(&[1.0, 3.0]) + branches.choose(&[1.0, 3.0]);
///     if heads == 2 {
///         both += branches.probability();
///     }
/// }
/// assert_eq!(both, 9.0 / 16.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Branches {
    /// Each decision's outcome, and how many outcomes it had.
    path: Vec<(usize, usize)>,
    depth: usize,
    begun: bool,
    probability: f64,
}

impl Branches {
    /// Goes to the first path, or from the last one to the next; false after all.
    pub fn begin(&mut self) -> bool {
        if self.begun {
            while self.path.last().is_some_and(|(outcome, all)| outcome + 1 == *all) {
                self.path.pop();
            }
            match self.path.last_mut() {
                Some((outcome, _)) => *outcome += 1,
                None => return false,
            }
        }
        (self.begun, self.depth, self.probability) = (true, 0, 1.0);
        true
    }

    /// This path's outcome of a decision, among those of positive weight: outcome `i` has
    /// probability `weights[i] / Σ_j weights[j]`. Where no weight is positive there is nothing
    /// to decide, and the outcome is 0.
    pub fn choose(&mut self, weights: &[f64]) -> usize {
        let possible: Vec<usize> = (0..weights.len()).filter(|&i| 0.0 < weights[i]).collect();
        if possible.is_empty() {
            return 0;
        }
        if self.depth == self.path.len() {
            self.path.push((0, possible.len()));
        }
        let chosen = possible[self.path[self.depth].0];
        self.depth += 1;
        self.probability *= weights[chosen] / weights.iter().sum::<f64>();
        chosen
    }

    /// This path's order of `count` things, as the rank of each, all orders equally likely;
    /// the highest rank, `count − 1`, comes first.
    pub fn shuffle(&mut self, count: usize) -> Vec<f64> {
        let mut ranks = vec![0.0; count];
        let mut left: Vec<usize> = (0..count).collect();
        while !left.is_empty() {
            let chosen = left.remove(self.choose(&vec![1.0; left.len()]));
            ranks[chosen] = left.len() as f64;
        }
        ranks
    }

    /// The probability of this path so far.
    pub fn probability(&self) -> f64 {
        self.probability
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Branches;

    #[test]
    fn every_order_comes_once() {
        let (mut branches, mut law) = (Branches::default(), BTreeMap::new());
        while branches.begin() {
            let ranks: Vec<u64> = branches.shuffle(4).into_iter().map(|rank| rank as u64).collect();
            assert_eq!(law.insert(ranks, branches.probability()), None);
        }
        assert_eq!(law.len(), 24);
        assert!(law.values().all(|p| (p - 1.0 / 24.0).abs() < 1e-15));
    }

    #[test]
    fn later_decisions_may_depend_on_earlier_ones() {
        let (mut branches, mut paths) = (Branches::default(), Vec::new());
        while branches.begin() {
            let first = branches.choose(&[0.0, 1.0, 3.0]);
            let second = if first == 2 { branches.choose(&[1.0, 1.0]) } else { 7 };
            paths.push((first, second, branches.probability()));
        }
        assert_eq!(paths, [(1, 7, 0.25), (2, 0, 0.375), (2, 1, 0.375)]);
    }
}
