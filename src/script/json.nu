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
