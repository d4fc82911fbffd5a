import { type Json, listOf, objectOf, textOf } from "./json";

/**
 * A parameter of an op or a method; one that takes an options object lists that object's fields. An option that goes
 * by two names is known here by its alias, which is written like the methods are.
 */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly optional: boolean;
  readonly fields: readonly Parameter[];
}

export interface Op {
  readonly name: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly returns: string;
}

/** A type of capability this caller holds, with what it can do. */
export interface CapabilityType {
  readonly type: string;
  readonly label: string;
  readonly description: string;
  readonly methods: readonly Op[];
}

/** Reads the answer of `get_opcodes`. */
export function readOps(value: Json): Op[] {
  return listOf(value).map((item) => readOp(item, "opcode"));
}

/** Reads the answer of `get_capability_metadata`. */
export function readCapabilityTypes(value: Json): CapabilityType[] {
  return listOf(value).map((item) => {
    const { type, label, description, methods } = objectOf(item);
    return {
      type: textOf(type) ?? "",
      label: textOf(label) ?? textOf(type) ?? "",
      description: textOf(description) ?? "",
      methods: listOf(methods).map((method) => readOp(method, "name")),
    };
  });
}

function readOp(item: Json, nameKey: string): Op {
  const { [nameKey]: name, description, parameters, returnType } = objectOf(item);
  return {
    name: textOf(name) ?? "",
    description: textOf(description) ?? "",
    parameters: listOf(parameters).map(readParameter),
    returns: textOf(returnType) ?? "",
  };
}

function readParameter(item: Json): Parameter {
  const { name, alias, type, description, optional, fields } = objectOf(item);
  return {
    name: textOf(alias) ?? textOf(name) ?? "",
    type: textOf(type) ?? "",
    description: textOf(description) ?? "",
    optional: optional === true,
    fields: listOf(fields).map(readParameter),
  };
}
