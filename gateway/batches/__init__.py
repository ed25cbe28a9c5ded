"""One action on many studies: chosen in the list, confirmed on a page, carried out study by study in the background."""
