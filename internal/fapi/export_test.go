package fapi

// HandOver is handOver, for the fuzz test.
var HandOver = handOver
