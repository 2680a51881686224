# Finds the first value of these kinds, or number that JSON lacks, in a value. Returns a message with its path.
def find-value [value: any, place: string, kinds: list<string>] {
  let kind = ($value | describe)
  if ($kind starts-with "record") {
    $value | items {|key, each| find-value $each $"($place).($key)" $kinds } | compact | get --optional 0
  } else if ($kind =~ '^(list|table)') {
    $value | enumerate | each {|row| find-value $row.item $"($place)[($row.index)]" $kinds } | get --optional 0
  } else if $kind == "float" and ($value | into string) in ["inf" "-inf" "NaN"] {
    $"($place) is ($value)"
  } else if $kind in $kinds {
    $"($place) is a ($kind)"
  }
}

# Encodes the input as JSON. It names a value that JSON cannot express: nushell would write null for an infinity.
def json-of [name: string]: any -> string {
  let value = $in
  let text = try { $value | to json --raw } catch { null }
  if $text != null {
    # Checking each value is slow, so this happens only if a null may stand for a number.
    if $text not-has "null" { return $text }
    let nuon = ($value | to nuon)
    if $nuon not-has "inf" and $nuon not-has "NaN" { return $text }
  }
  let problem = (find-value $value $name [closure error])
  if $problem != null {
    error make --unspanned { msg: $"($problem | str trim --left --char '.'), which JSON cannot say" }
  }
  if $text == null { $value | to json --raw } else { $text }
}

# The longest line of the protocol, in characters, and the most levels of JSON in it, including those around a value.
const MAX_LINE = 25165824
const MAX_LEVELS = 130

# Refuses a line that is too long or too deep here: later the server could not name the frame that caused it.
def check-line [line: string] {
  if ($line | str length) > $MAX_LINE and ($line | str stats | get chars) > $MAX_LINE {
    error make --unspanned { msg: $"what it gives is longer than ($MAX_LINE) characters as JSON: split it into parts" }
  }
  if ($line | str replace --all --regex '[^\[{]+' '' | str length) <= $MAX_LEVELS { return }
  # Counts the levels by cutting off the innermost one again and again. Brackets in texts do not count.
  mut left = ($line | str replace --all --regex '"(\\.|[^"\\])*"' '')
  for level in 1..$MAX_LEVELS {
    $left = ($left | str replace --all --regex '[\[{][^\[\]{}]*[\]}]' '')
    if $left !~ '[\[{]' { return }
  }
  error make --unspanned { msg: "what it gives is nested deeper than 128 levels: flatten it" }
}
