/** As much of protobuf as attackers need: a field is its number and wire type, then its value. */
export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of((field << 3) | 2), varint(value.length), value])
}

export function numberField(field: number, value: number): Uint8Array {
  return Buffer.concat([Uint8Array.of(field << 3), varint(value)])
}

/** A message behind its length, as libp2p's protocols send them. */
export function lengthPrefixed(message: Uint8Array): Uint8Array {
  return Buffer.concat([varint(message.length), message])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
  return Uint8Array.of(...bytes, left)
}
