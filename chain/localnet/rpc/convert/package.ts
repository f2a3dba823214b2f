import type { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PackageObject } from '../../ledger/object.ts'
import type { DatatypeDefinition, LoadedFunction, LoadedModule, MoveType } from '../../vm/index.ts'

const BODY_KIND = {
  address: 1,
  bool: 2,
  u8: 3,
  u16: 4,
  u32: 5,
  u64: 6,
  u128: 7,
  u256: 8,
  vector: 9,
  datatype: 10,
  parameter: 11,
} as const

/** copy 1, drop 2, store 4, key 8 -> gRPC's COPY 1, DROP 2, STORE 3, KEY 4. */
const abilityList = (set: number): GrpcTypes.Ability[] =>
  [1, 2, 3, 4].filter(ability => set & (1 << (ability - 1)))

function body(type: MoveType): GrpcTypes.OpenSignatureBody {
  switch (type.kind) {
    case 'vector':
      return { type: BODY_KIND.vector, typeParameterInstantiation: [body(type.element)] }
    case 'datatype':
      return {
        type: BODY_KIND.datatype,
        typeName: `${type.address}::${type.module}::${type.name}`,
        typeParameterInstantiation: type.typeArguments.map(body),
      }
    case 'parameter':
      return { type: BODY_KIND.parameter, typeParameter: type.index, typeParameterInstantiation: [] }
    case 'reference':
    case 'signer':
      return { type: 0, typeParameterInstantiation: [] }
    default:
      return { type: BODY_KIND[type.kind], typeParameterInstantiation: [] }
  }
}

const signature = (type: MoveType): GrpcTypes.OpenSignature =>
  type.kind === 'reference'
    ? { reference: type.mutable ? 2 : 1, body: body(type.target) }
    : { body: body(type) }

const VISIBILITIES = { private: 1, public: 2, friend: 3 } as const

export const functionMessage = (fn: LoadedFunction): GrpcTypes.FunctionDescriptor => ({
  name: fn.name,
  visibility: VISIBILITIES[fn.visibility],
  isEntry: fn.isEntry,
  typeParameters: fn.typeParameters.map(constraints => ({ constraints: abilityList(constraints) })),
  parameters: fn.parameters.map(signature),
  returns: fn.returns.map(signature),
})

const fieldMessages = (fields: readonly { name: string; type: MoveType }[]): GrpcTypes.FieldDescriptor[] =>
  fields.map(({ name, type }, position) => ({ name, position, type: body(type) }))

export function datatypeMessage(definition: DatatypeDefinition): GrpcTypes.DatatypeDescriptor {
  const { address, module, name } = definition
  return {
    typeName: `${address}::${module}::${name}`,
    definingId: address,
    module,
    name,
    abilities: abilityList(definition.abilities),
    typeParameters: definition.typeParameters.map(({ constraints, isPhantom }) => ({
      constraints: abilityList(constraints),
      isPhantom,
    })),
    kind: definition.variants !== undefined ? 2 : 1,
    fields: fieldMessages(definition.fields ?? []),
    variants: (definition.variants ?? []).map((variant, position) => ({
      name: variant.name,
      position,
      fields: fieldMessages(variant.fields),
    })),
  }
}

const moduleMessage = (module: LoadedModule): GrpcTypes.Module => ({
  name: module.name,
  contents: module.bytes,
  datatypes: [...module.datatypes.values()].map(datatypeMessage),
  functions: [...module.functions.values()].map(functionMessage),
})

export function packageMessage(ledger: Ledger, code: PackageObject): GrpcTypes.Package {
  const loaded = ledger.vm.package(code.id)
  return {
    storageId: code.id,
    originalId: code.originalId,
    version: code.version,
    modules: [...code.modules.keys()].map(name => moduleMessage(loaded!.modules.get(name)!)),
    typeOrigins: code.typeOrigins.map(origin => ({
      moduleName: origin.module,
      datatypeName: origin.datatype,
      packageId: origin.package,
    })),
    linkage: [...code.linkage].map(([originalId, used]) => ({
      originalId,
      upgradedId: used.id,
      upgradedVersion: used.version,
    })),
  }
}
