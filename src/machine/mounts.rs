//! The mounted images, found by path and by file.

use hashbrown::HashTable;

use super::aliases::Aliases;
use super::{spread, take_out};
use crate::call::image::ImageKey;
use crate::call::{MountImage, MountMode};

/// The mounted images, in the order in which they were mounted (rule N4).
#[derive(Clone, Debug)]
pub(super) struct Mounts {
    images: Vec<MountImage>,
    /// For each image its position, found by the hash of its path.
    by_path: HashTable<usize>,
    /// For each image that is mounted for writing its position, found by the hash of its file.
    by_file: HashTable<usize>,
}

impl Mounts {
    pub(super) const fn new() -> Self {
        Self { images: Vec::new(), by_path: HashTable::new(), by_file: HashTable::new() }
    }

    pub(super) fn all(&self) -> &[MountImage] {
        &self.images
    }

    /// Returns the position of what is mounted at the path.
    pub(super) fn find(&self, path: ImageKey<'_>, aliases: &Aliases) -> Option<usize> {
        let is_same = |at: &usize| path.is_same(self.path(*at, aliases));
        self.by_path.find(spread(path.hash()), is_same).copied()
    }

    /// Returns whether an image of the file is mounted for writing (rule N7).
    pub(super) fn is_written(&self, file: ImageKey<'_>, aliases: &Aliases) -> bool {
        let is_same = |at: &usize| file.is_same(self.file(*at, aliases));
        self.by_file.find(spread(file.hash()), is_same).is_some()
    }

    pub(super) fn add(&mut self, mount: MountImage, aliases: &Aliases) {
        let at = self.images.len();
        let mode = mount.mode();
        self.images.push(mount);
        let Self { images, by_path, by_file } = self;
        let path = |at: &usize| spread(aliases.resolve(images[*at].path.key()).hash());
        by_path.insert_unique(path(&at), at, path);
        if mode == MountMode::ReadWrite {
            let file = |at: &usize| spread(aliases.resolve(images[*at].file.key()).hash());
            by_file.insert_unique(file(&at), at, file);
        }
    }

    pub(super) fn remove(&mut self, at: usize, aliases: &Aliases) {
        let path = spread(self.path(at, aliases).hash());
        let file = spread(self.file(at, aliases).hash());
        self.images.remove(at);
        for (index, hash) in [(&mut self.by_path, path), (&mut self.by_file, file)] {
            take_out(index, hash, at);
            for behind in index.iter_mut().filter(|behind| **behind > at) {
                *behind -= 1;
            }
        }
    }

    fn path<'a>(&'a self, at: usize, aliases: &'a Aliases) -> ImageKey<'a> {
        aliases.resolve(self.images[at].path.key())
    }

    fn file<'a>(&'a self, at: usize, aliases: &'a Aliases) -> ImageKey<'a> {
        aliases.resolve(self.images[at].file.key())
    }
}
