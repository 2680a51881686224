# Runs a generator: a line of the protocol of xs for each value.
use xs.nu *

def lines-of [] {
  each {|value|
    if ($value | describe) == "binary" {
      { recv_base64: ($value | encode base64) } | to json --raw
    } else {
      { recv: $value } | to json --raw
    }
  } | to text
}

def main [] {
  let input = $in
  let script = (source SCRIPT)
  if ($script | describe) starts-with "closure" {
    $input | do $script | lines-of
  } else {
    $script | lines-of
  }
}
