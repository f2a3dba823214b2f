import { createHmac } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { NativeTable } from '../types.ts'
import { bytesToValue } from '../values.ts'
import { bytesBehind } from './arguments.ts'

export const hashNatives: NativeTable = {
  '0x2::hash::blake2b256': (call, _types, [data]) => [
    bytesToValue(blake2b(bytesBehind(call, data), { dkLen: 32 })),
  ],
  '0x2::hash::keccak256': (call, _types, [data]) => [bytesToValue(keccak_256(bytesBehind(call, data)))],
  '0x2::hmac::hmac_sha3_256': (call, _types, [key, data]) => [
    bytesToValue(createHmac('sha3-256', bytesBehind(call, key)).update(bytesBehind(call, data)).digest()),
  ],
}
