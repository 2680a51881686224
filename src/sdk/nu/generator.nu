# Runs a generator: a line of the protocol of xs for each value.
use xs.nu *

# An error in the pipeline ends it, as it does not when the lines are the value of one.
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

# Whether the script ends in a value that is written there: a closure, a record, a variable. What a pipeline gives may
# never end, so it is not to be collected to look at it.
def is-value [] {
  let block = (ast (open --raw SCRIPT) --json | get block | from json)
  let last = ($block.pipelines | last | get elements)
  ($last | length) == 1 and ($last.0.expr.expr | to json --raw) =~ '^\{"(Closure|Record|FullCellPath|Var)"'
}

# What comes from here on prints as scripts do.
use printed.nu *

# What the script sets in $env is for its closure as well.
def --env script [] { source SCRIPT }

# A closure, also as run of a record, is given the input.
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
  # What ends without a value gives nothing.
  if (is-value) { do (runs (script)) | default [] | lines-of } else { script | default [] | lines-of }
}
