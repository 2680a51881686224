# The first value of these kinds in another, or number that is none, with the place where it stands.
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

# The input as JSON. What cannot be written fails by name: nushell makes null of an infinity.
def json-of [name: string]: any -> string {
  let value = $in
  let text = try { $value | to json --raw } catch { null }
  if $text != null {
    # To look at each value takes long, so it is done only where null may stand for a number.
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

# Longest line of the protocol, in characters, and most levels that JSON in it may have, with what is around.
const MAX_LINE = 25165824
const MAX_LEVELS = 130

# A line that is too long or too deep breaks the protocol, and nobody would know what it came of: it fails here.
def check-line [line: string] {
  if ($line | str length) > $MAX_LINE and ($line | str stats | get chars) > $MAX_LINE {
    error make --unspanned { msg: $"what it gives is longer than ($MAX_LINE) characters as JSON: give what is large in parts" }
  }
  if ($line | str replace --all --regex '[^\[{]+' '' | str length) <= $MAX_LEVELS { return }
  # There are as many levels as it takes to cut off the innermost again and again. Brackets in texts are none.
  mut left = ($line | str replace --all --regex '"(\\.|[^"\\])*"' '')
  for level in 1..$MAX_LEVELS {
    $left = ($left | str replace --all --regex '[\[{][^\[\]{}]*[\]}]' '')
    if $left !~ '[\[{]' { return }
  }
  error make --unspanned { msg: "what it gives is nested deeper than 128 levels: flatten it" }
}
