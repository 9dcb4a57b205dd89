//! Paths that the test has declared the same image (rule O6).

use std::mem;

use crate::call::ImagePath;
use crate::call::image::ImageKey;

/// Groups of paths, each group one image. A path is in one group at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Aliases(Vec<Vec<ImagePath>>);

impl Aliases {
    /// Checks that a path can be declared the same image as another one.
    pub(crate) fn check(path: &ImagePath) -> Result<(), &'static str> {
        match path {
            _ if path.as_bytes().is_empty() => Err("an empty path is no image"),
            _ if path.key().is_online() => Err("the online image is an image of its own"),
            _ => Ok(()),
        }
    }

    /// Declares two paths the same image, and so all that are the same as either.
    pub(super) fn declare(&mut self, one: ImagePath, other: ImagePath) {
        let is_same = |group: &Vec<_>| has(group, one.key()) || has(group, other.key());
        let (joined, apart): (Vec<_>, _) = mem::take(&mut self.0).into_iter().partition(is_same);
        self.0 = apart;
        self.0.push(joined.into_iter().flatten().chain([one, other]).collect());
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
