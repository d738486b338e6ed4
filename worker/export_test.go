package worker

// ToldAtOnce is how many outputs an answer repeats at most.
const ToldAtOnce = toldAtOnce
