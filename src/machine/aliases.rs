//! Paths that the test has declared the same image (rule O6).

use crate::call::ImagePath;
use crate::call::image::ImageKey;

/// Groups of paths, each group one image. A path is in one group at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Aliases(Vec<Vec<ImagePath>>);

impl Aliases {
    /// Declares two paths the same image, and so all that are the same as either.
    pub(super) fn declare(&mut self, one: ImagePath, other: ImagePath) {
        let mut joined = self.take_group(one);
        if !joined.iter().any(|path| path.key().matches(other.key().path())) {
            joined.extend(self.take_group(other));
        }
        self.0.push(joined);
    }

    /// Takes the group of a path out, or makes one.
    fn take_group(&mut self, path: ImagePath) -> Vec<ImagePath> {
        match self.0.iter().position(|group| has(group, path.key())) {
            Some(at) => self.0.swap_remove(at),
            None => vec![path],
        }
    }

    /// Returns the path by which the image is known: the same one for all its paths.
    #[inline]
    pub(crate) fn resolve<'a>(&'a self, image: ImageKey<'a>) -> ImageKey<'a> {
        if self.0.is_empty() { image } else { self.find(image).unwrap_or(image) }
    }

    #[cold]
    fn find(&self, image: ImageKey<'_>) -> Option<ImageKey<'_>> {
        let group = self.0.iter().find(|group| has(group, image))?;
        Some(group.first()?.key())
    }
}

fn has(group: &[ImagePath], image: ImageKey<'_>) -> bool {
    group.iter().any(|path| image.matches(path.key().path()))
}
