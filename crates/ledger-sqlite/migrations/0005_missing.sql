-- How many ballots are known to be missing in a gap, at least; null where that shows once all behind it is counted.
ALTER TABLE gaps ADD COLUMN ballots INTEGER;
