# What JSON has no form for, with the place where it stands: a closure, and numbers that are none.
def unwritable [value: any, place: string] {
  let kind = ($value | describe)
  if ($kind starts-with "record") {
    $value | items {|key, each| unwritable $each $"($place).($key)" } | compact | get --optional 0
  } else if ($kind =~ '^(list|table)') {
    $value | enumerate | each {|row| unwritable $row.item $"($place).($row.index)" } | get --optional 0
  } else if $kind == "float" and ($value | into string) in ["inf" "-inf" "NaN"] {
    $"($place) is ($value)"
  } else if $kind in ["closure" "error"] {
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
  let problem = (unwritable $value $name)
  if $problem != null {
    error make --unspanned { msg: $"($problem | str trim --left --char '.'), which JSON cannot say" }
  }
  if $text == null { $value | to json --raw } else { $text }
}
