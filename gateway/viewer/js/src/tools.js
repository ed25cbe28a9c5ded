// The tools of the mouse: one group for stacks and one for planes, with the same buttons.
import {
  AngleTool, CrosshairsTool, EllipticalROITool, Enums, LengthTool, PanTool, ProbeTool, RectangleROITool, ReferenceLinesTool,
  StackScrollTool, ToolGroupManager, WindowLevelTool, ZoomTool, addTool, annotation,
} from "@cornerstonejs/tools";

const { MouseBindings, ToolModes } = Enums;
const MEASURING = [LengthTool, AngleTool, EllipticalROITool, RectangleROITool, ProbeTool];
const CHOICES = {
  window: WindowLevelTool, scroll: StackScrollTool, zoom: ZoomTool, pan: PanTool, length: LengthTool, angle: AngleTool,
  ellipse: EllipticalROITool, rectangle: RectangleROITool, probe: ProbeTool, crosshairs: CrosshairsTool,
};

/** Which tool the first button of the mouse has, in all viewports. */
export class Tools {
  constructor() {
    for (const tool of [WindowLevelTool, StackScrollTool, ZoomTool, PanTool, CrosshairsTool, ReferenceLinesTool, ...MEASURING]) addTool(tool);
    this.stacks = group("stacks", [ReferenceLinesTool]);
    this.planes = group("planes", [CrosshairsTool]);
    this.chosen = "window";
    this.choose("window");
  }

  /** @param {keyof typeof CHOICES} name */
  choose(name) {
    this.chosen = name;
    for (const each of [this.stacks, this.planes]) {
      const primary = each.hasTool(CHOICES[name].toolName) ? CHOICES[name] : WindowLevelTool;
      for (const tool of Object.values(CHOICES)) {
        if (!each.hasTool(tool.toolName) || tool === primary) continue;
        if (tool === CrosshairsTool) each.setToolDisabled(tool.toolName);
        else each.setToolPassive(tool.toolName, { removeAllBindings: true });
      }
      if (primary !== CrosshairsTool || each.getViewportIds().length) {
        each.setToolActive(primary.toolName, { bindings: bindings(primary) });
      }
      for (const tool of [StackScrollTool, PanTool, ZoomTool]) {
        if (tool !== primary) each.setToolActive(tool.toolName, { bindings: standing(tool) });
      }
    }
  }

  /** Lines of the active stack's plane in the others. @param {string|null} viewportId */
  referenceLines(viewportId) {
    const name = ReferenceLinesTool.toolName;
    if (!viewportId) return this.stacks.setToolDisabled(name);
    this.stacks.setToolConfiguration(name, { sourceViewportId: viewportId });
    if (this.stacks.getToolOptions(name)?.mode !== ToolModes.Enabled) this.stacks.setToolEnabled(name);
    return undefined;
  }
}

/** Take the chosen measurement away, or else the latest; returns whether there was one. */
export function removeMeasurement() {
  const isOurs = ({ metadata }) => MEASURING.some((tool) => tool.toolName === metadata.toolName);
  const measured = annotation.state.getAllAnnotations().filter(isOurs);
  const selected = annotation.selection.getAnnotationsSelected();
  const found = measured.find(({ annotationUID }) => selected.includes(annotationUID)) ?? measured.at(-1);
  if (found) annotation.state.removeAnnotation(found.annotationUID);
  return Boolean(found);
}

/** Take all measurements away. */
export function removeMeasurements() {
  for (const each of [...annotation.state.getAllAnnotations()]) {
    if (MEASURING.some((tool) => tool.toolName === each.metadata.toolName)) annotation.state.removeAnnotation(each.annotationUID);
  }
}

function group(id, extra) {
  const made = ToolGroupManager.createToolGroup(id);
  for (const tool of [WindowLevelTool, StackScrollTool, ZoomTool, PanTool, ...MEASURING, ...extra]) made.addTool(tool.toolName);
  return made;
}

// What the wheel and the other buttons do, whatever the first one does.
function standing(tool) {
  return {
    [StackScrollTool.toolName]: [{ mouseButton: MouseBindings.Wheel }],
    [PanTool.toolName]: [{ mouseButton: MouseBindings.Auxiliary }],
    [ZoomTool.toolName]: [{ mouseButton: MouseBindings.Secondary }],
  }[tool.toolName] ?? [];
}

function bindings(tool) {
  return [{ mouseButton: MouseBindings.Primary }, ...standing(tool)];
}
