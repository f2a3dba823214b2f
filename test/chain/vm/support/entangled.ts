import { bool, type FunctionParts, Handmade, ref, u64 } from './handmade.ts'

const locals = 100
const branches = 400
const functions = 12

/** A module small enough to be published, whose locals borrow from each other over so many branches that verifying takes long. */
export function entangled(): Handmade {
  const code: FunctionParts['code'] = []
  for (let i = 0; i < branches; i++) {
    const at = code.length
    code.push(['CopyLoc', 0], ['BrTrue', at + 4])
    code.push(['CopyLoc', 1 + (i % locals)], ['StLoc', 1 + ((i * 7 + 1) % locals)])
  }
  code.push(['CopyLoc', 0], ['BrTrue', 0], 'Ret')
  const handmade = new Handmade()
  for (let i = 0; i < functions; i++)
    handmade.function(`f${i}`, { parameters: [bool, ...Array(locals).fill(ref(u64))], code })
  return handmade
}
