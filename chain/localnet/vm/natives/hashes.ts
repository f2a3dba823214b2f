import { createHmac } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { NativeCall, NativeTable } from '../types.ts'
import type { Value } from '../values.ts'
import { bytesBehind, bytesOut, HASH_STEPS } from './arguments.ts'

function digest(
  call: NativeCall,
  inputs: readonly Value[],
  hash: (...inputs: Uint8Array[]) => Uint8Array,
): Value[] {
  call.context.meter.charge(HASH_STEPS)
  return [bytesOut(call, hash(...inputs.map(input => bytesBehind(call, input))))]
}

export const hashNatives: NativeTable = {
  '0x2::hash::blake2b256': (call, _types, inputs) =>
    digest(call, inputs, data => blake2b(data!, { dkLen: 32 })),
  '0x2::hash::keccak256': (call, _types, inputs) => digest(call, inputs, data => keccak_256(data!)),
  '0x2::hmac::hmac_sha3_256': (call, _types, inputs) =>
    digest(call, inputs, (key, data) => createHmac('sha3-256', key!).update(data!).digest()),
}
