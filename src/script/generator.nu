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

# Whether the script ends in a closure, which is given the input. Its value cannot tell: what a
# pipeline gives may never end, so it is not to be collected to look at it.
def is-closure [] {
  let block = (ast (open --raw SCRIPT) --json | get block | from json)
  let last = ($block.pipelines | last | get elements)
  ($last | length) == 1 and ($last.0.expr.expr | to json --raw) starts-with '{"Closure":'
}

def script [] { source SCRIPT }

def main [] {
  # What ends without a value gives nothing.
  if (is-closure) { do (script) | default [] | lines-of } else { script | default [] | lines-of }
}
