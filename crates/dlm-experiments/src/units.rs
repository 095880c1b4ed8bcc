//! Work cut into units, each on disk as soon as it is done.

use indicatif::ProgressBar;

use crate::{Error, Folder, loading::style};

/// Does the units that `folder` lacks, under a progress bar; `measure` appends the rows of
/// one and makes them whole.
///
/// # Errors
///
/// Those of `measure`; the units before stay.
pub(crate) fn fill(
    folder: &mut Folder,
    name: &str,
    units: usize,
    mut measure: impl FnMut(usize, &mut Folder) -> Result<(), Error>,
) -> Result<(), Error> {
    let bar = ProgressBar::new(units as u64);
    bar.set_style(style("{prefix} {wide_bar} {pos}/{len} units, {eta} left"));
    bar.set_prefix(name.to_string());
    bar.set_position(folder.units() as u64);
    bar.reset_eta();
    for unit in folder.units()..units {
        measure(unit, folder)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}
