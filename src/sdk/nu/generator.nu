# Runs a generator: a line of the protocol of xs for each value.
use xs.nu *

# Prints each value at once: an error in the pipeline then ends it, which it would not if this returned the lines.
def lines-of [] {
  each {|value|
    if ($value | describe) == "binary" {
      let text = ($value | encode base64)
      check-line $text
      print --raw $"{\"recv_base64\":\"($text)\"}"
    } else {
      # As json-of does, without the cost of a call.
      let text = try { $value | to json --raw } catch { "null" }
      let text = if $text has "null" { $value | json-of "a value" } else { $text }
      if ($text | str length) > 256 { check-line $text }
      print --raw $"{\"recv\":($text)}"
    }
  } | ignore
}

# Tells whether the script ends with a literal value: a closure, a record, a variable. The output of a pipeline may never
# end, so it must not be collected to look at it.
def is-value [] {
  let block = (ast (open --raw SCRIPT) --json | get block | from json)
  let last = ($block.pipelines | last | get elements)
  ($last | length) == 1 and ($last.0.expr.expr | to json --raw) =~ '^\{"(Closure|Record|FullCellPath|Var)"'
}

# From here on, print writes to stderr, as for scripts.
use printed.nu *

# With --env, so that the closure sees what the script sets in $env.
def --env script [] { source SCRIPT }

# Makes a closure that returns the values. A closure of the script, alone or as run of a record, gets the input.
def runs [given: any] {
  let is_record = ($given | describe) starts-with "record" and ($given.run? | describe) == "closure"
  let others = if $is_record { $given | columns | where $it != run } else { [] }
  if ($others | is-not-empty) {
    error make --unspanned { msg: $"a generator is a closure or { run: a closure }: there is no ($others | str join ', ')" }
  }
  let run = if $is_record { $given.run } else { $given }
  if ($run | describe) == "closure" { $run } else { {|| $run } }
}

def main [] {
  # A script without a value yields nothing.
  if (is-value) { do (runs (script)) | default [] | lines-of } else { script | default [] | lines-of }
}
