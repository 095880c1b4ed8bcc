//! In which order texts are learned.

use dlm_rng::{Key, Purpose};

/// The order in which texts are learned, epoch by epoch, as a function of the seed.
///
/// An epoch holds every text of a file as often as the file's share says; of a fraction it
/// holds the texts that come first in a shuffle of its own, so over the epochs all are read
/// about equally often. What an epoch holds is then shuffled as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    shares: Vec<(usize, f64)>,
    key: Key,
    place: Place,
    list: Vec<usize>,
}

/// A place in an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Place {
    /// The epoch, from 0.
    pub(crate) epoch: u64,
    /// Texts of it that were read.
    pub(crate) read: usize,
}

impl Order {
    /// The order of files of so many texts and with such shares, from `place` on; some file
    /// has to have texts and a share.
    pub(crate) fn new(shares: &[(usize, f64)], key: Key, place: Place) -> Self {
        let key = key.purpose(Purpose::Data);
        let mut order = Self { shares: shares.to_vec(), key, place, list: Vec::new() };
        order.list = order.epoch();
        order
    }

    /// The text that comes next, counted over all files, and a name for this reading of it
    /// that no other has.
    pub(crate) fn next(&mut self) -> Reading {
        while self.list.len() <= self.place.read {
            self.place = Place { epoch: self.place.epoch + 1, read: 0 };
            self.list = self.epoch();
        }
        let reading = Reading { text: self.list[self.place.read], place: self.place };
        self.place.read += 1;
        reading
    }

    /// Goes back by one text, which the next call gives again.
    pub(crate) fn put_back(&mut self) {
        self.place.read = self.place.read.saturating_sub(1);
    }

    /// Where the order stands.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    fn epoch(&self) -> Vec<usize> {
        let key = self.key.step(self.place.epoch);
        let (mut list, mut first) = (Vec::new(), 0);
        for (file, &(count, share)) in (1..).zip(&self.shares) {
            let mut texts: Vec<usize> = (first..first + count).collect();
            first += count;
            key.sequence(file).stream().shuffle(&mut texts);
            let wanted = (share.max(0.0) * count as f64).round() as usize;
            list.extend(texts.iter().cycle().take(if count == 0 { 0 } else { wanted.max(1) }));
        }
        key.sequence(0).stream().shuffle(&mut list);
        list
    }
}

/// A text when it is its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Which text, counted over all files.
    pub(crate) text: usize,
    /// Its place in the order.
    pub(crate) place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_every_text_as_often_as_its_file_says() {
        let mut order =
            Order::new(&[(10, 1.0), (8, 0.25), (3, 2.0)], Key::new(4), Place::default());
        let mut quarters = std::collections::BTreeSet::new();
        for epoch in 0..60 {
            let mut counts = [0; 21];
            for _ in 0..18 {
                let reading = order.next();
                assert_eq!(reading.place.epoch, epoch);
                counts[reading.text] += 1;
            }
            assert_eq!(counts[..10], [1; 10]);
            assert_eq!(counts[10..18].iter().sum::<i32>(), 2);
            assert_eq!(counts[18..], [2; 3]);
            quarters.extend((10..18).filter(|&text| 0 < counts[text]));
        }
        assert_eq!(quarters.len(), 8);
    }

    #[test]
    fn it_goes_on_from_any_place_as_if_it_had_never_stopped() {
        let shares = [(7, 1.0), (5, 0.6)];
        let mut whole = Order::new(&shares, Key::new(1), Place::default());
        let readings: Vec<Reading> = (0..40).map(|_| whole.next()).collect();
        for start in 0..40 {
            let place = readings[start].place;
            let mut resumed = Order::new(&shares, Key::new(1), place);
            let rest: Vec<Reading> = (start..40).map(|_| resumed.next()).collect();
            assert_eq!(rest, readings[start..]);
        }
    }

    #[test]
    fn a_text_that_was_put_back_comes_again() {
        let mut order = Order::new(&[(3, 1.0)], Key::new(2), Place::default());
        for _ in 0..9 {
            let reading = order.next();
            order.put_back();
            assert_eq!(order.next(), reading);
        }
    }

    #[test]
    fn another_seed_is_another_order() {
        let first = |seed| {
            let mut order = Order::new(&[(100, 1.0)], Key::new(seed), Place::default());
            (0..100).map(|_| order.next().text).collect::<Vec<_>>()
        };
        assert_ne!(first(1), first(2));
        assert_eq!(first(3), first(3));
    }
}
