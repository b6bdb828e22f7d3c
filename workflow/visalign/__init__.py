"""visalign: do vision models grow closer to the primate visual system as they get better?"""
