import type { CodeUnit, Instruction, JumpTable } from './module.ts'
import { OPCODES } from './opcodes.ts'
import { malformed, type Reader } from './reader.ts'
import { MAX_INDEX } from './tokens.ts'

const MAX_INSTRUCTIONS = 0xffff
const MAX_LOCAL = 255
const MAX_BRANCHES = 127
/** Sui's limit on the operand stack bounds what one instruction can pop. */
const MAX_VECTOR_COUNT = 1024n

function readInstruction(reader: Reader, version: number): Instruction {
  const byte = reader.u8()
  const opcode = OPCODES[byte]
  if (opcode === undefined || opcode.since > version) throw malformed(`unknown instruction ${byte}`)
  const instruction: Instruction = { opcode: byte, operand: 0, count: 0 }
  switch (opcode.operand) {
    case 'none':
      break
    case 'index':
    case 'offset':
      instruction.operand = reader.uleb(MAX_INDEX)
      break
    case 'local':
      instruction.operand = reader.uleb(MAX_LOCAL)
      break
    case 'u8':
      instruction.operand = reader.u8()
      break
    case 'u16':
      instruction.operand = reader.uint(2)
      break
    case 'u32':
      instruction.operand = reader.uint(4)
      break
    case 'u64':
      instruction.operand = reader.bigUint(8)
      break
    case 'u128':
      instruction.operand = reader.bigUint(16)
      break
    case 'u256':
      instruction.operand = reader.bigUint(32)
      break
    case 'vector': {
      instruction.operand = reader.uleb(MAX_INDEX)
      const count = reader.bigUint(8)
      if (count > MAX_VECTOR_COUNT) throw malformed('a vector instruction with too many elements')
      instruction.count = Number(count)
    }
  }
  return instruction
}

function readJumpTable(reader: Reader): JumpTable {
  const enumDefinition = reader.uleb(MAX_INDEX)
  const count = reader.uleb(MAX_BRANCHES)
  if (reader.u8() !== 1) throw malformed('unknown kind of jump table')
  const offsets: number[] = []
  for (let i = 0; i < count; i++) offsets.push(reader.uleb(MAX_INDEX))
  return { enumDefinition, offsets }
}

/** The body of a function. */
export function readCode(reader: Reader, version: number): CodeUnit {
  const locals = reader.uleb(MAX_INDEX)
  const instructions: Instruction[] = []
  for (let n = reader.uleb(MAX_INSTRUCTIONS); n > 0; n--) instructions.push(readInstruction(reader, version))
  const jumpTables: JumpTable[] = []
  if (version >= 7) for (let n = reader.uleb(MAX_INDEX); n > 0; n--) jumpTables.push(readJumpTable(reader))
  return { locals, instructions, jumpTables }
}
